"""Trees in a terminal."""

from cashback.cli.output import tree


def test_a_tree_is_drawn_by_the_depth_of_its_steps() -> None:
    """The last branch of each node is a corner, and what is below an open one has its bar."""
    steps = [(0, "counted"), (1, "base"), (1, "food"), (2, "a line"), (0, "limits"), (1, "a day")]
    assert list(tree([{"depth": depth, "text": text} for depth, text in steps])) == [
        "├─ counted",
        "│  ├─ base",
        "│  └─ food",
        "│     └─ a line",
        "└─ limits",
        "   └─ a day",
    ]
