import unittest

from calculator.money import split, with_tip


class SplitTests(unittest.TestCase):
    def test_even_amount(self):
        self.assertEqual(split(900, 3), [300, 300, 300])

    def test_odd_cents_are_not_lost(self):
        self.assertEqual(split(1000, 3), [334, 333, 333])
        self.assertEqual(sum(split(101, 7)), 101)

    def test_nobody_cannot_pay(self):
        with self.assertRaises(ValueError):
            split(100, 0)


class TipTests(unittest.TestCase):
    def test_tip_is_rounded_to_a_cent(self):
        self.assertEqual(with_tip(995, 15), 1144)


if __name__ == "__main__":
    unittest.main()
