"""Sub-flows: a parcel has a label, whose run may fail or wait; a letter has a parcel."""

from pgflow_dsl import Flow, GiveUp

labels = Flow("labels", payload=str)


@labels.step
def spell(city: str = labels.payload) -> str:
    if not city:
        raise GiveUp("a label needs a city")
    return city.upper()


stamp = labels.signal("stamp", str, when=labels.payload == "wait")


@labels.step
def frame(text: str = spell.result, word: str | None = stamp.result) -> str:
    return f"* {text}{word or ''} *"


parcels = Flow("parcels", payload=str)


@parcels.step
def choose(wish: str = parcels.payload) -> str:
    return wish.partition(",")[0]


label = parcels.sub_flow("label", labels, payload=choose.result, result=frame)


@parcels.step
def pack(text: str = label.result) -> str:
    return f"parcel with {text}"


letters = Flow("letters", payload=str)
parcel = letters.sub_flow("parcel", parcels, payload=letters.payload, result=pack)
extra = letters.sub_flow(
    "extra", labels, payload=letters.payload, result=frame, on_failure="skip", after=(parcel,)
)


@letters.step
def post(text: str = parcel.result, more: str | None = extra.result) -> str:
    return f"{text}, {more}"


tolerant = Flow("tolerant", payload=str)
maybe = tolerant.sub_flow(
    "maybe", parcels, payload=tolerant.payload, result=pack, on_failure="skip"
)


@tolerant.step
def say(text: str | None = maybe.result) -> str:
    return text or "nothing came"
