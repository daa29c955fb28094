"""Answers texts over HTTP from the directory `served-onnx`, which keras_bert.export_onnx wrote: uvicorn app:app"""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, Field, ValidationError

from keras_bert import runtime

MAX_BYTES, MAX_CHARACTERS, MAX_TEXTS, MAX_REQUESTS = 1_000_000, 10_000, 64, 64
waiting, running, done = {}, asyncio.Lock(), Counter(requests=0, runs=0)


class Question(BaseModel):
    texts: list[Annotated[str, Field(max_length=MAX_CHARACTERS)]] = Field(min_length=1, max_length=MAX_TEXTS)


@asynccontextmanager
async def lifespan(app):  # uvicorn listens once this has yielded
    app.state.model = runtime.load("served-onnx")
    app.state.model("The first run is the slowest.")
    yield


async def answer(texts):
    waiting[future := asyncio.Future()] = texts  # the future is that of its answers
    async with running:  # what comes in during a run waits here; the first to go on runs all that waits
        if not future.done():
            batch = [(future, waiting.pop(future)), *list(waiting.items())[: MAX_REQUESTS - 1]]
            answers = iter(await asyncio.to_thread(app.state.model, [text for _, texts in batch for text in texts]))
            for other, texts in batch:
                waiting.pop(other, None)
                other.set_result([next(answers) for _ in texts])
            done.update(requests=len(batch), runs=1)
    return future.result()


app = FastAPI(lifespan=lifespan)
BODY = {"requestBody": {"content": {"application/json": {"schema": Question.model_json_schema()}}}}


@app.post("/predict", openapi_extra=BODY)
async def predict(request: Request):
    body = b""
    async for chunk in request.stream():
        if len(body := body + chunk) > MAX_BYTES:
            raise HTTPException(413, f"A request has at most {MAX_BYTES} bytes.")
    try:
        return {"answers": await answer(Question.model_validate_json(body).texts)}
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}." for fault in error.errors()]
        raise HTTPException(422, " ".join(faults[:3])) from error


@app.get("/health")
async def health():
    return {"status": "ready", "waiting": len(waiting), **done}
