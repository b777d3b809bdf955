import a_package_that_nobody_installed


def main(req) -> str:
    return a_package_that_nobody_installed.goodbye()
