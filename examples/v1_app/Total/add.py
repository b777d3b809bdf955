import azure.functions as func


async def total(req: func.HttpRequest) -> str:
    return f"Total: {sum(req.get_json())}"
