import Logging
import Workflow

/// Takes secrets out of what is logged, by us or by a library.
struct RedactingLogHandler: LogHandler {
    private var handler: any LogHandler
    private let redact: Redaction

    init(_ handler: any LogHandler, _ redact: Redaction) {
        self.handler = handler
        self.redact = redact
    }

    var logLevel: Logger.Level {
        get { handler.logLevel }
        set { handler.logLevel = newValue }
    }

    var metadata: Logger.Metadata {
        get { handler.metadata }
        set { handler.metadata = newValue.mapValues(redacted) }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { handler[metadataKey: key] }
        set { handler[metadataKey: key] = newValue.map(redacted) }
    }

    func log(event: LogEvent) {
        var event = event
        event.message = "\(redact(event.message.description))"
        event.metadata = event.metadata?.mapValues(redacted)
        if let error = event.error {
            event.metadata = (event.metadata ?? [:]).merging(["error": .string(redact("\(error)"))]) { old, _ in old }
            event.error = nil
        }
        handler.log(event: event)
    }

    private func redacted(_ value: Logger.Metadata.Value) -> Logger.Metadata.Value {
        switch value {
        case .string(let text): .string(redact(text))
        case .stringConvertible(let value): .string(redact(value.description))
        case .array(let values): .array(values.map(redacted))
        case .dictionary(let values): .dictionary(values.mapValues(redacted))
        }
    }
}
