"""The stand-in is driven against the facts: what a class has works, what it lacks is refused, for every class."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from make_facts import TARGET, facts_text

SHARED_FACTS = Path(__file__).resolve().parents[3] / "shared" / "slicer" / "slicer_widgets.json"
EXTRACT = {name: entry for name, entry in json.loads(TARGET.read_text(encoding="utf-8")).items() if name != "_meta"}
CLASSES = sorted(EXTRACT)
UNKNOWN = "aNameThatNoClassHas"


@pytest.fixture(scope="module")
def all_facts() -> dict[str, Any]:
    if not SHARED_FACTS.is_file():
        pytest.skip("the API facts are not beside this checkout")
    found: dict[str, Any] = json.loads(SHARED_FACTS.read_text(encoding="utf-8"))
    return found


def lineage(name: str) -> list[str]:
    """The class and its bases of the extract, read here without the stand-in's own reader."""
    found = [name] if name in EXTRACT else []
    for base in EXTRACT[name]["bases"] if found else ():
        found += lineage(base)
    return found


def made(desktop: Any, name: str) -> Any:
    """An object, also of classes that only C++ makes."""
    from slicer_desktop import native
    from slicer_desktop.members import class_info
    from slicer_desktop.wrapper import wrap

    if name in ("qSlicerApplication", "qSlicerCoreApplication"):
        import slicer

        return slicer.app
    base = class_info(name).qt
    if name == "qSlicerLayoutManager":
        import slicer

        return slicer.app.layoutManager()
    if base.__name__ == "QAbstractButton" and name != "ctkCollapsibleButton":
        pytest.skip("abstract in Qt")
    return wrap(native.make(name, base))


def test_the_extract_is_what_the_script_makes_of_the_facts(all_facts: dict[str, Any]) -> None:
    assert TARGET.read_text(encoding="utf-8") == facts_text(SHARED_FACTS)


@pytest.mark.parametrize("name", CLASSES)
def test_every_property_is_readable_and_only_the_writable_are_written(desktop: Any, name: str) -> None:
    target = made(desktop, name)
    seen = set()
    for each in (fact for kind in lineage(name) for fact in EXTRACT[kind]["properties"]):
        if each["name"] in seen:
            continue  # a base's property that the class declares anew
        seen.add(each["name"])
        if each["name"] == "className":
            continue  # PythonQt's own method of this name comes first
        if name.startswith("qSlicerScripted") and each["name"] in ("name", "path", "moduleName"):
            continue  # these need a module; the panels' tests see to them
        value = getattr(target, each["name"])
        if "write" not in each:
            with pytest.raises(AttributeError, match="not writable"):
                setattr(target, each["name"], value)
        elif each["name"] not in ("currentNodeID", "currentNodeId", "sliceOrientation", "mrmlScene"):
            setattr(target, each["name"], value)  # what was read can be written
            assert getattr(target, each["name"]) == value
        if each["type"] in ("QString", "bool", "int", "double", "QStringList"):
            with pytest.raises(TypeError, match="not callable"):
                getattr(target, each["name"])()


@pytest.mark.parametrize("name", CLASSES)
def test_wrong_types_are_refused(desktop: Any, name: str) -> None:
    target = made(desktop, name)
    for each in (fact for kind in lineage(name) for fact in EXTRACT[kind]["properties"]):
        if "write" in each and each["type"] in ("int", "double", "QStringList", "QColor", "QIcon"):
            with pytest.raises(AttributeError, match="does not accept"):
                setattr(target, each["name"], object())


@pytest.mark.parametrize("name", CLASSES)
def test_unknown_names_raise(desktop: Any, name: str) -> None:
    target = made(desktop, name)
    with pytest.raises(AttributeError, match="no attribute named"):
        getattr(target, UNKNOWN)
    with pytest.raises(AttributeError, match="not allowed"):
        setattr(target, UNKNOWN, 1)


@pytest.mark.parametrize("name", CLASSES)
def test_what_only_cplusplus_has_is_not_there(desktop: Any, name: str, all_facts: dict[str, Any]) -> None:
    from slicer_desktop.members import class_info

    target = made(desktop, name)
    qt_names = set(dir(class_info(name).qt))
    for kind in lineage(target.className()):
        visible = {
            method["signature"].partition("(")[0]
            for each in lineage(target.className())
            for method in (*EXTRACT[each]["methods"], *EXTRACT[each]["decorators"])
        }
        visible |= {each["name"] for base in lineage(target.className()) for each in EXTRACT[base]["properties"]}
        for hidden in set(all_facts[kind]["cxx_only_public_methods"]) - qt_names - visible:
            assert not hasattr(target, hidden), f"{name}.{hidden}"


@pytest.mark.parametrize("name", CLASSES)
def test_signals_connect_by_their_signatures_only(desktop: Any, name: str) -> None:
    target = made(desktop, name)
    signatures = [each for kind in lineage(name) for each in EXTRACT[kind]["signals"]]

    def slot() -> None: ...

    for signature in signatures:
        assert target.connect(signature, slot) is True
        assert target.disconnect(signature, slot) is True
        assert target.disconnect(signature, slot) is False
        assert target.connect(signature.replace("(", "X("), slot) is False
        wrong = signature.replace(")", ",QBitArray)") if "()" not in signature else signature.replace(")", "QBitArray)")
        assert target.connect(wrong, slot) is False
        with pytest.raises(AttributeError, match=r"can not be overwritten|not writable"):
            setattr(target, signature.partition("(")[0], slot)
    assert len(desktop.journal.take()) == 2 * len(signatures)  # each refusal was said


@pytest.mark.parametrize("name", CLASSES)
def test_methods_take_their_number_of_arguments_and_no_keywords(desktop: Any, name: str) -> None:
    target = made(desktop, name)
    properties = {each["name"] for kind in lineage(name) for each in EXTRACT[kind]["properties"]}
    for kind in lineage(name):
        for method in EXTRACT[kind]["methods"]:
            label = method["signature"].partition("(")[0]
            if label in properties:
                continue
            with pytest.raises(ValueError, match="wrong number of arguments"):
                getattr(target, label)(*range(12))
            with pytest.raises(ValueError, match="keyword arguments"):
                getattr(target, label)(anything=1)
            with pytest.raises(AttributeError, match="can not be overwritten"):
                setattr(target, label, None)


@pytest.mark.parametrize("name", CLASSES)
def test_enums_are_those_of_the_facts(desktop: Any, name: str) -> None:
    from slicer_desktop.wrapper import wrapper_class

    kind = wrapper_class(name)
    for enum_name, enum in EXTRACT[name]["enums"].items():
        for key, value in enum["values"].items():
            assert getattr(getattr(kind, enum_name), key) == value
            assert getattr(kind, key) in {each["values"].get(key) for each in EXTRACT[name]["enums"].values()}
        with pytest.raises(AttributeError):
            getattr(getattr(kind, enum_name), UNKNOWN)


@pytest.mark.parametrize("name", CLASSES)
def test_constructors_are_those_of_python(desktop: Any, name: str) -> None:
    import ctk
    import slicer

    namespace = {"ctk": ctk, "slicer": slicer}.get(EXTRACT[name]["python"])
    if namespace is None:
        assert not hasattr(ctk, name)
        return
    kind = getattr(namespace, name)
    assert not hasattr(slicer if namespace is ctk else ctk, name)
    if EXTRACT[name]["python_constructor"] is None:
        with pytest.raises(ValueError, match="No constructors available"):
            kind()
    else:
        assert kind().className() == name
        with pytest.raises(ValueError, match="wrong arguments"):
            kind(None, None)
        with pytest.raises(ValueError, match="keyword"):
            kind(parent=None)


@pytest.mark.parametrize("name", CLASSES)
def test_a_destroyed_object_raises(desktop: Any, name: str) -> None:
    if name.startswith(("qSlicerApplication", "qSlicerCoreApplication", "qSlicerLayoutManager")):
        pytest.skip("lives as long as the application")
    target = made(desktop, name)
    properties = [each["name"] for kind in lineage(name) for each in EXTRACT[kind]["properties"]]
    target.delete()
    assert target == None  # noqa: E711  # how Slicer's code asks
    assert not target
    with pytest.raises(ValueError, match="destroyed"):
        target.deleteLater()
    for each in set(properties) - {"className"}:
        with pytest.raises(ValueError, match="destroyed"):
            getattr(target, each)
        with pytest.raises(AttributeError, match="destroyed"):
            setattr(target, each, 1)
