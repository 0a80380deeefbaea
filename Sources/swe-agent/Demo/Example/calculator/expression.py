"""Evaluates arithmetic expressions: + - * /, unary minus and parentheses.

A recursive-descent parser that computes while it reads:

    sum     = product (("+" | "-") product)*
    product = factor (("*" | "/") factor)*
    factor  = "-" factor | "(" sum ")" | number
"""

import re

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|(.))")


class ExpressionError(ValueError):
    """The text is not an expression."""


def evaluate(text):
    """Returns the value of an expression as a float."""
    parser = _Parser(text)
    value = parser.sum()
    if parser.peek() is not None:
        raise ExpressionError(f"unexpected {parser.peek()!r}")
    return value


class _Parser:
    def __init__(self, text):
        self._tokens = [number or sign for number, sign in _TOKEN.findall(text) if number or sign.strip()]
        self._position = 0

    def peek(self):
        if self._position < len(self._tokens):
            return self._tokens[self._position]
        return None

    def next(self):
        token = self.peek()
        self._position += 1
        return token

    def sum(self):
        value = self.product()
        if self.peek() == "+":
            self.next()
            return value + self.sum()
        if self.peek() == "-":
            self.next()
            return value - self.sum()
        return value

    def product(self):
        value = self.factor()
        while self.peek() in ("*", "/"):
            if self.next() == "*":
                value *= self.factor()
            else:
                value /= self.factor()
        return value

    def factor(self):
        token = self.next()
        if token == "-":
            return -self.factor()
        if token == "(":
            value = self.sum()
            if self.next() != ")":
                raise ExpressionError("missing )")
            return value
        try:
            return float(token)
        except (TypeError, ValueError):
            raise ExpressionError(f"expected a number, found {token!r}") from None
