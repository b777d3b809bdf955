"""A text pipeline: a request becomes a message, the message a blob, and each new blob has its words counted."""

import json

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

STORAGE = "AzureWebJobsStorage"


@app.route("texts/{name}", methods=["POST"])
@app.queue_output("message", "texts", STORAGE)
def take(req: func.HttpRequest, message: func.Out[str]) -> str:
    name = req.route_params["name"]
    message.set(json.dumps({"name": name, "text": req.get_json()["text"]}))
    return f"'{name}' is in the queue"


@app.queue_trigger("message", "texts", STORAGE)
@app.blob_output("text", "texts/{name}.txt", STORAGE)
def store(message: func.QueueMessage, text: func.Out[str]) -> None:
    text.set(message.get_json()["text"])


@app.blob_trigger("text", "texts/{name}.txt", STORAGE)
@app.blob_output("counts", "counts/{name}.json", STORAGE)
def count(text: func.InputStream, counts: func.Out[str]) -> None:
    words = text.read().decode().split()
    counts.set(json.dumps({"words": len(words), "different": len(set(words))}))


@app.route("counts/{name}", methods=["GET"])
@app.blob_input("counts", "counts/{name}.json", STORAGE)
def show(req: func.HttpRequest, counts: str) -> func.HttpResponse:
    if counts is None:
        return func.HttpResponse("not counted yet", status_code=404)
    return func.HttpResponse(counts, mimetype="application/json")
