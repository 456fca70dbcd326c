"""Every scope that an API key may be made for: a subject, and whether it is read or changed.

Which operation asks for which is the table of the API (`processes/api/scopes.py`).
"""

from typing import Final

KNOWN_SCOPES: Final = frozenset(
    f"{subject}:{act}"
    for act, subjects in {
        "read": (
            "adjustments audit books campaigns cashback debts events keys merchants mints privacy programmes purchases"
            " rates refunds rulesets users wallets webhooks"
        ),
        "write": (
            "adjustments campaigns debts keys merchants privacy programmes purchases rates refunds reviews rulesets"
            " users wallets webhooks"
        ),
    }.items()
    for subject in subjects.split()
)
