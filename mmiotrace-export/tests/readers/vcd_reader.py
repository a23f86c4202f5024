"""Prints every access of a value change dump: time, register, kind, value. pyvcd reads it."""
import sys
from vcd.reader import TokenKind, tokenize

names, values, scopes, time = {}, {}, [], 0
for token in tokenize(open(sys.argv[1], "rb")):
    if token.kind is TokenKind.VAR:
        names[token.var.id_code] = ".".join([*scopes[1:], token.var.reference])
    elif token.kind is TokenKind.SCOPE:
        scopes.append(token.scope.ident)
    elif token.kind is TokenKind.UPSCOPE:
        scopes.pop()
    elif token.kind is TokenKind.CHANGE_TIME:
        time = token.time_change
    elif token.kind is TokenKind.CHANGE_VECTOR:
        values[names[token.vector_change.id_code]] = token.vector_change.value
    elif token.kind is TokenKind.CHANGE_SCALAR:
        name = names[token.scalar_change.id_code]
        if name.endswith((".rd", ".wr")):
            print(time, name[:-3], name[-2:], hex(values[name[:-3]]))
