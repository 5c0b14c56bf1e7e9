"""Which model comes from which, both ways."""

from __future__ import annotations

from zoo.nets import net

from regraft.zoo import Facts, Zoo
from regraft.zoo.lineage import Branch, lineage_of


def test_a_line_of_models_with_one_removed(zoo: Zoo) -> None:
    for number, (name, parents) in enumerate({"a": (), "b": ("a",), "c": ("b",), "d": ("b",)}.items()):
        zoo.add(net(head=number), name, Facts(parents=parents))
    (below,) = zoo.lineage("a").children
    assert (below.name, below.here, [branch.name for branch in below.branches]) == ("b", True, ["c", "d"])
    zoo.remove("b")
    assert zoo.lineage("c").parents == (Branch(name="b", here=False, branches=()),)


def test_a_name_given_again_leads_in_no_circle() -> None:
    found = lineage_of("a", {"a": ("b",), "b": ("a", "b")})
    assert found.parents == (Branch(name="b", here=True, branches=()),)


def test_parents_that_are_shared_stand_once() -> None:
    many = {f"{k}": (f"{k + 1}", f"{k + 1}", f"{k + 2}") for k in range(40)}  # 3 ** 40 ways lead up
    found, names = lineage_of("0", many).parents, []
    while found:
        names += [branch.name for branch in found]
        found = tuple(one for branch in found for one in branch.branches)
    assert sorted(names, key=int) == [f"{k}" for k in range(1, 42)]
