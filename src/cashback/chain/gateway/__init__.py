"""Calls out: JSON-RPC endpoints of one chain, the contracts on it, and the signer's key.

keys       sign a digest                         contracts  views of token and minter
endpoint   one URL, its health                   blocks     headers, logs, receipts
node       several endpoints as one: reads go to the first healthy one, sends to all
shapes     what a method's result must look like to be one
"""
