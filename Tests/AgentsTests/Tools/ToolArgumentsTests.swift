import Agents
import LanguageModels
import Testing

struct ToolArgumentsTests {
    private let arguments = ToolArguments(
        tool: "t",
        [
            "text": "a", "number": 3, "fraction": 3.0, "digits": "12", "flag": true, "word": "true", "null": nil,
            "list": [1], "empty": "",
        ])

    @Test func plainMeaningsAreTaken() throws {
        #expect(try arguments.string("text") == "a")
        #expect(try arguments.string("number") == "3")
        #expect(try arguments.optionalString("null") == nil)
        #expect(try arguments.optionalString("absent") == nil)
        #expect(try arguments.optionalInteger("number") == 3)
        #expect(try arguments.optionalInteger("fraction") == 3)
        #expect(try arguments.optionalInteger("digits") == 12)
        #expect(try arguments.optionalInteger("empty") == nil)
        #expect(try arguments.optionalInteger("absent") == nil)
        #expect(try arguments.flag("flag"))
        #expect(try arguments.flag("word"))
        #expect(try !arguments.flag("absent"))
    }

    @Test func otherTypesAreNamed() {
        func message(_ body: () throws -> Void) -> String? {
            #expect(throws: ToolArgumentError.self, performing: body)?.message
        }
        #expect(
            message { _ = try arguments.string("absent") }
                == "t: parameter \"absent\": a string is required, but it is missing.")
        #expect(message { _ = try arguments.string("list") } == "t: parameter \"list\": a string is expected.")
        #expect(
            message { _ = try arguments.optionalInteger("text") }
                == "t: parameter \"text\": a whole number is expected.")
        #expect(message { _ = try arguments.flag("text") } == "t: parameter \"text\": true or false is expected.")
    }
}
