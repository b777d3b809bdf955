import azure.functions as func


def main(req: func.HttpRequest, res: func.Out[func.HttpResponse]) -> None:
    res.set(func.HttpResponse(f"<h1>{req.route_params['year']}</h1>", mimetype="text/html"))
