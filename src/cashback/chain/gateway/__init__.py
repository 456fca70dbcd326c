"""Calls out: JSON-RPC endpoints of one chain, the contracts on it, and the signer's key.

keys       sign a digest                         contracts  views of token and minter
endpoint   one URL, its health                   blocks     headers, logs, receipts, nonces
standing   how it is beside the others           heads      the newest, the safe and the final block
polling    asking several at once                shapes     what a method's result must look like to be one
quorum     when a value counts                   decoding   a result as a value
hints      new heads by websocket
limits     the pause that a limiter wants        jsonrpc    answers, and what is none
signatures what a contract at somebody's address says of a signature
node       several endpoints as one: what decides money is agreed on, sends go to all
"""
