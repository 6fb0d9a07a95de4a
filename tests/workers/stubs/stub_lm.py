"""The stand-ins' model: the next token is a function of the last two. Greedy, vocabulary 1009, end token 11."""
VOCAB, EOS = 1009, 11


def follow(ids):
    a, b = (ids + ids)[-2:]
    return (31 * a + 17 * b + 7) % VOCAB


def check(condition, what):
    if not condition:
        raise AssertionError("stub: " + what)
