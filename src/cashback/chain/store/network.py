"""The one row that says which chain this database is about, and whether minting is halted."""

from collections.abc import Collection
from typing import Final

from cashback.chain.model import Address, Network, WrongChain
from cashback.kernel.db import Tx

SCHEMA: Final = "chain"


async def establish(tx: Tx, *, epoch: str, chain_id: int, token: Address, minter: Address) -> None:
    """Make this database that of one chain and token; a second call changes nothing but the minter module.

    The module before is still known: what was signed for it is mined in its name.

    `epoch` is used by the first call alone: it names this database's stream of outcomes.

    Raises:
        WrongChain: the database already belongs to another chain or token.
    """
    await tx.execute(
        """
        with known as (
            insert into chain.minters (address)
            values (%(minter)s)
            on conflict (address) do nothing
        )
        insert into chain.network (epoch, chain_id, token, minter)
        values (%(epoch)s, %(chain_id)s, %(token)s, %(minter)s)
        on conflict (singleton) do update
        set minter = excluded.minter
        """,
        {"epoch": epoch, "chain_id": chain_id, "token": token, "minter": minter},
    )
    stored = await network(tx)
    if (stored.chain_id, stored.token) != (chain_id, token):
        raise WrongChain(
            f"this database belongs to chain {stored.chain_id} and token 0x{stored.token.hex()}; give it a new one"
        )


async def network(tx: Tx) -> Network:
    """Return the row that `establish` made."""
    cursor = await tx.execute(
        """
        select epoch, last_sequence, chain_id, token, minter, safe_block, final_block, halted_reason,
               (select array_agg(address order by address) from chain.minters)
        from chain.network
        """
    )
    row = await cursor.fetchone()
    if row is None:
        raise WrongChain("this database belongs to no chain yet")
    epoch, last_sequence, chain_id, token, minter, safe_block, final_block, halted_reason, minters = row
    return Network(
        epoch=epoch,
        last_sequence=last_sequence,
        chain_id=chain_id,
        token=token,
        minter=minter,
        minters=tuple(Address(one) for one in minters),
        safe_block=safe_block,
        final_block=final_block,
        halted_reason=halted_reason,
    )


async def is_halted(tx: Tx) -> bool:
    """Tell whether minting is halted, and keep that so until `tx` ends: the last question of a transaction that signs.

    Asked last, since those who halt have touched their mints before.
    """
    cursor = await tx.execute(
        """
        select halted_reason is not null
        from chain.network
        for share
        """
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def raise_heads(tx: Tx, *, safe_block: int, final_block: int) -> None:
    """Note how far the chain is safe and final; neither ever goes back."""
    await tx.execute(
        """
        update chain.network
        set safe_block = greatest(safe_block, %(safe_block)s, %(final_block)s),
            final_block = greatest(final_block, %(final_block)s)
        """,
        {"safe_block": safe_block, "final_block": final_block},
    )


async def know_no_mints(tx: Tx) -> None:
    """Let mints be unknown until `know_mints` says otherwise: the records were brought in line with the chain."""
    await tx.execute(
        """
        update chain.network
        set known_from_block = null
        """
    )


async def know_mints(tx: Tx, *, signers: Collection[Address], from_block: int) -> bool:
    """Note that from `from_block` on every mint is known, once that is so; return whether it became so just now.

    It is so when each of `signers` has its lane, since a lane opens when what its signer sent before is final, and when
    the no-ops over what pools still held are final too. It stays so: whoever is added later has no right to a past.
    """
    cursor = await tx.execute(
        """
        update chain.network
        set known_from_block = %(from_block)s
        where known_from_block is null
          and not exists (
              select
              from unnest(%(signers)s::bytea[]) as signer (address)
              where address not in (select address from chain.lanes)
          )
          and not exists (
              select
              from chain.slots
              where kind = 'noop'
                and state in ('open', 'mined')
          )
        """,
        {"signers": list(signers), "from_block": from_block},
    )
    return cursor.rowcount == 1
