import logging


def main(text: str) -> None:
    logging.info("%d lines came in", len(text.splitlines()))
