"""The Durable Task protocol: what functions of the SDK 2.x exchange with the engine, and the service of its client.

``orchestrator_service.proto`` is the public definition, unchanged, from github.com/microsoft/durabletask-protobuf at
67a2f1d3 (MIT, see ``LICENSE`` beside it); ``orchestrator_service.binpb`` is what ``protoc --descriptor_set_out`` makes
of it.
"""
