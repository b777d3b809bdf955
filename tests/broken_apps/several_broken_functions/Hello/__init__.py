def main(req) -> str:
    return "Hello"
