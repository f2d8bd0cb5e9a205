"""Write shapes as short texts, for tests that compare them."""

import json

from pgflow_manifest import (
    ClassShape,
    CollectionShape,
    EnumMemberShape,
    FixedTupleShape,
    LiteralShape,
    MapShape,
    NoneShape,
    ObjectShape,
    ScalarShape,
    Shape,
    UnionShape,
)


def notation(shape: Shape) -> str:
    """Return *shape* much as TypeScript writes it: `{a: int, b?: list[str]} | None`."""
    match shape:
        case NoneShape():
            return "None"
        case ScalarShape(name=name):
            return name
        case LiteralShape(values=values):
            return " | ".join(json.dumps(value) for value in values)
        case EnumMemberShape(name=name, member=member):
            return f"{name}.{member}"
        case ClassShape(name=name, arguments=arguments):
            inside = ", ".join(notation(argument) for argument in arguments)
            return f"{name}[{inside}]" if arguments else name
        case CollectionShape(kind="tuple", items=items):
            return f"tuple[{notation(items)}, ...]"
        case CollectionShape(kind=kind, items=items):
            return f"{kind}[{notation(items)}]"
        case FixedTupleShape(items=items):
            return f"tuple[{', '.join(notation(item) for item in items)}]"
        case MapShape(keys=keys, values=values):
            return f"map[{notation(keys)}, {notation(values)}]"
        case UnionShape(members=members):
            return " | ".join(notation(member) for member in members)
        case ObjectShape(fields=fields):
            inside = ", ".join(
                f"{name if name.isidentifier() else json.dumps(name, ensure_ascii=False)}"
                f"{'' if field.required else '?'}: {notation(field.type)}"
                for name, field in fields.items()
            )
            return f"{{{inside}}}"


def parts(text: str) -> list[str]:
    """Return *text* split at the bars outside of any brackets, sorted."""
    depth, found = 0, [""]
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "|" and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return sorted(part.strip() for part in found)
