import a_package_that_nobody_installed


def greet(name: str) -> str:
    return a_package_that_nobody_installed.greet(name)
