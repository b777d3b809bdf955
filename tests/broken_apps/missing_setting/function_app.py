import os

import azure.functions as func

app = func.FunctionApp()
GREETING = os.environ["A_SETTING_THAT_NOBODY_SET"]


@app.route()
def hello(req: func.HttpRequest) -> str:
    return GREETING
