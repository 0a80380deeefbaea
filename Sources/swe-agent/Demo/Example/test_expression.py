import unittest

from calculator.expression import ExpressionError, evaluate


class EvaluateTests(unittest.TestCase):
    def test_multiplication_binds_tighter_than_addition(self):
        self.assertEqual(evaluate("2 + 3 * 4"), 14)

    def test_parentheses(self):
        self.assertEqual(evaluate("2 * (3 + 4)"), 14)

    def test_subtraction_goes_from_left_to_right(self):
        self.assertEqual(evaluate("10 - 4 - 3"), 3)
        self.assertEqual(evaluate("10 - 4 + 3"), 9)

    def test_division_goes_from_left_to_right(self):
        self.assertEqual(evaluate("100 / 10 / 2"), 5)

    def test_unary_minus(self):
        self.assertEqual(evaluate("-2 * -3"), 6)

    def test_broken_expressions_are_refused(self):
        for text in ["", "1 +", "(1", "1 2", "two"]:
            with self.subTest(text), self.assertRaises(ExpressionError):
                evaluate(text)


if __name__ == "__main__":
    unittest.main()
