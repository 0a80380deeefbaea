import Hummingbird
import NIOCore

/// What comes with a request beside itself.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The address that the connection comes from, without its port.
    let remoteAddress: String?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        remoteAddress = source.channel.remoteAddress?.ipAddress
    }
}
