import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1

/// An error as the API tells it: `{"error":{"code":…,"message":…}}` with a code that stays the same.
struct APIError: Error, HTTPResponseError {
    var status: HTTPResponse.Status
    var code: String
    var message: String
    var headers: HTTPFields = [:]

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String, headers: HTTPFields = [:]) {
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
    }

    static func unknownTask(_ id: String) -> APIError {
        APIError(.notFound, "unknown_task", "there is no task with this id")
    }

    private struct Body: Encodable {
        struct Detail: Encodable {
            var code: String
            var message: String
        }

        var error: Detail
    }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        try .json(Body(error: .init(code: code, message: message)), status: status, headers: headers)
    }
}

extension Response {
    /// A JSON response.
    static func json(
        _ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) throws -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(
            status: status, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try JSONEncoder.api.encode(value))))
    }
}

/// Gives every error the API's form, those of the router and of the store included.
struct ErrorMiddleware: RouterMiddleware {
    func handle(
        _ request: Request, context: APIContext,
        next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as APIError {
            return try error.response(from: request, context: context)
        } catch let error as any HTTPResponseError {
            return try Self.translate(error).response(from: request, context: context)
        } catch let error as CancellationError {
            throw error
        } catch is HTTPParserError {
            return try APIError(
                .badRequest, "bad_request", "the body is not what its headers say", headers: [.connection: "close"]
            )
            .response(from: request, context: context)
        } catch {
            context.logger.error("a request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            return try APIError(
                .serviceUnavailable, "store_unavailable", "the task store cannot be used now; try again"
            )
            .response(from: request, context: context)
        }
    }

    private static func translate(_ error: any HTTPResponseError) -> APIError {
        switch error.status {
        case .notFound: APIError(.notFound, "unknown_path", "there is nothing at this path; see the README for the API")
        case .methodNotAllowed: APIError(.methodNotAllowed, "wrong_method", "this path does not take this method")
        case .contentTooLarge:
            APIError(
                .contentTooLarge, "body_too_large", "the body is larger than 1 MiB", headers: [.connection: "close"])
        default: APIError(error.status, "bad_request", error.status.reasonPhrase)
        }
    }
}
