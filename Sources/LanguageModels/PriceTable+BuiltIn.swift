extension PriceTable {
    /// The list prices of well-known models, as of July 2026. Prices change: a file overrides them.
    ///
    /// Sources: https://openai.com/api/pricing, https://ai.google.dev/gemini-api/docs/pricing
    public static let builtIn = PriceTable([
        "gpt-5.5": ModelPrice(input: 5, cachedInput: 0.5, output: 30),
        "gpt-5.5-pro": ModelPrice(input: 30, output: 180),
        "gpt-5.4": ModelPrice(input: 2.5, cachedInput: 0.25, output: 15),
        "gpt-5.4-mini": ModelPrice(input: 0.75, cachedInput: 0.075, output: 4.5),
        "gpt-5.4-nano": ModelPrice(input: 0.2, cachedInput: 0.02, output: 1.25),
        "gpt-5.4-pro": ModelPrice(input: 30, output: 180),
        "gpt-5.2": ModelPrice(input: 1.75, cachedInput: 0.175, output: 14),
        "gpt-5.2-pro": ModelPrice(input: 21, output: 168),
        "gpt-5.1": ModelPrice(input: 1.25, cachedInput: 0.125, output: 10),
        "gpt-5.1-codex-mini": ModelPrice(input: 0.25, cachedInput: 0.025, output: 2),
        "gpt-5": ModelPrice(input: 1.25, cachedInput: 0.125, output: 10),
        "gpt-5-mini": ModelPrice(input: 0.25, cachedInput: 0.025, output: 2),
        "gpt-5-nano": ModelPrice(input: 0.05, cachedInput: 0.005, output: 0.4),
        "gpt-5-pro": ModelPrice(input: 15, output: 120),
        "gpt-4.1": ModelPrice(input: 2, cachedInput: 0.5, output: 8),
        "gpt-4.1-mini": ModelPrice(input: 0.4, cachedInput: 0.1, output: 1.6),
        "gpt-4.1-nano": ModelPrice(input: 0.1, cachedInput: 0.025, output: 0.4),
        "gpt-4o": ModelPrice(input: 2.5, cachedInput: 1.25, output: 10),
        "gpt-4o-mini": ModelPrice(input: 0.15, cachedInput: 0.075, output: 0.6),
        "gpt-4-turbo": ModelPrice(input: 10, output: 30),
        "gpt-4": ModelPrice(input: 30, output: 60),
        "gpt-3.5-turbo": ModelPrice(input: 0.5, output: 1.5),
        "o4-mini": ModelPrice(input: 1.1, cachedInput: 0.275, output: 4.4),
        "o3": ModelPrice(input: 2, cachedInput: 0.5, output: 8),
        "o3-mini": ModelPrice(input: 1.1, cachedInput: 0.55, output: 4.4),
        "o3-pro": ModelPrice(input: 20, output: 80),
        "o1": ModelPrice(input: 15, cachedInput: 7.5, output: 60),

        "gemini-3.5-flash": ModelPrice(input: 1.5, cachedInput: 0.15, output: 9),
        "gemini-3.1-pro": ModelPrice(
            input: 2, cachedInput: 0.2, output: 12,
            longPrompt: .init(above: 200_000, input: 4, cachedInput: 0.4, output: 18)),
        "gemini-3-pro": ModelPrice(
            input: 2, cachedInput: 0.2, output: 12,
            longPrompt: .init(above: 200_000, input: 4, cachedInput: 0.4, output: 18)),
        "gemini-3-flash": ModelPrice(input: 0.5, cachedInput: 0.05, output: 3),
        "gemini-2.5-pro": ModelPrice(
            input: 1.25, cachedInput: 0.125, output: 10,
            longPrompt: .init(above: 200_000, input: 2.5, cachedInput: 0.25, output: 15)),
        "gemini-2.5-flash": ModelPrice(input: 0.3, cachedInput: 0.03, output: 2.5),
        "gemini-2.5-flash-lite": ModelPrice(input: 0.1, cachedInput: 0.01, output: 0.4),
        "gemini-2.0-flash": ModelPrice(input: 0.1, cachedInput: 0.025, output: 0.4),
    ])
}
