import json

import azure.functions as func

orders = func.Blueprint()


@orders.route(route="orders/{number:int}", methods=["GET"])
def read_order(req: func.HttpRequest) -> func.HttpResponse:
    return _json({"number": int(req.route_params["number"]), "state": "open"})


@orders.route(route="orders", methods=["POST"])
def place_order(req: func.HttpRequest) -> func.HttpResponse:
    try:
        order = req.get_json()
    except ValueError:
        return _json({"error": "the body is not JSON"}, status=400)
    return _json({"placed": order}, status=201)


def _json(document: dict[str, object], status: int = 200) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(document), status_code=status, mimetype="application/json")
