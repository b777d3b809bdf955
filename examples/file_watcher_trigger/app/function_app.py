import logging

import azure.functions as func

app = func.FunctionApp()


@app.generic_trigger("file", type="fileTrigger", path="inbox")
def count_lines(file) -> None:
    logging.info("%s has %d lines", file.name, len(file.read_text().splitlines()))
