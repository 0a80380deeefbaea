import Agents
import Testing

struct GitURLTests {
    @Test(arguments: [
        ("https://github.com/owner/name", "https://github.com/owner/name"),
        ("https://github.com/owner/name.git", "https://github.com/owner/name.git"),
        ("https://github.com/owner/name/", "https://github.com/owner/name/"),
        ("HTTPS://GitHub.COM/Owner/Name", "https://github.com/Owner/Name"),
        ("https://git.example.com:8443/a/b/c.git", "https://git.example.com:8443/a/b/c.git"),
        ("https://[2001:DB8::1]:8443/a", "https://[2001:db8::1]:8443/a"),
        ("https://xn--bcher-kva.example/a", "https://xn--bcher-kva.example/a"),
        ("https://dev.azure.com/org/my%20project/_git/repo", "https://dev.azure.com/org/my%20project/_git/repo"),
        ("https://example.com/~user/repo", "https://example.com/~user/repo"),
        ("http://localhost:3000/a/b", "http://localhost:3000/a/b"),
        ("http://127.0.0.1:3000/a/b", "http://127.0.0.1:3000/a/b"),
        ("http://127.8.9.10/a", "http://127.8.9.10/a"),
        ("http://[::1]:3000/a", "http://[::1]:3000/a"),
        ("ssh://git@github.com/owner/name.git", "ssh://git@github.com/owner/name.git"),
        ("ssh://github.com/owner/name", "ssh://github.com/owner/name"),
        ("ssh://git@host.example:2222/~me/name", "ssh://git@host.example:2222/~me/name"),
        ("git@github.com:owner/name.git", "git@github.com:owner/name.git"),
        ("git@GitHub.com:owner/name.git", "git@github.com:owner/name.git"),
        ("git@[::1]:name", "git@[::1]:name"),
        ("deploy-bot@host:/srv/git/name.git", "deploy-bot@host:/srv/git/name.git"),
        ("git@host:a:b", "git@host:a:b"),
        ("git@host:2222/name", "git@host:2222/name"),
    ])
    func accepts(_ written: String, _ given: String) throws {
        #expect(try GitURL(written).text == given)
    }

    @Test(arguments: [
        ("/srv/git/name", "/srv/git/name"),
        ("/home/me/My Projects/größe", "/home/me/My Projects/größe"),
        ("/a::b/c", "/a::b/c"),
        ("/a://b", "/a://b"),
        ("file:///srv/git/name", "/srv/git/name"),
        ("file://localhost/srv/git/name", "/srv/git/name"),
        ("file:///srv/my%20git", "/srv/my git"),
    ])
    func localPathsNeedPermission(_ written: String, _ given: String) throws {
        #expect(try GitURL(written, allowLocalPaths: true).text == given)
        let error = #expect(throws: GitURLError.self) { try GitURL(written) }
        #expect(error?.code == .localPathNotAllowed)
    }

    @Test(
        arguments: [
            ("", .empty),
            ("https://example.com/" + String(repeating: "a", count: 2048), .tooLong),

            ("ext::sh -c whoami% >&2", .whitespace),
            ("ext::sh%20-c%20whoami", .transportHelper),
            ("fd::17", .transportHelper),
            ("fd::17/foo", .transportHelper),
            ("EXT::sh", .transportHelper),
            ("http::http://example.com/a", .transportHelper),
            ("a+b-c.1::x", .transportHelper),
            ("::x", .transportHelper),
            ("ext::\u{301}sh", .notASCII),

            ("--upload-pack=/bin/sh", .leadingDash),
            ("-u", .leadingDash),
            ("-\u{301}u", .notASCII),
            ("ssh://-oProxyCommand=touch/a", .leadingDash),
            ("ssh://git@-oProxyCommand=touch/a", .leadingDash),
            ("ssh://-l@host/a", .leadingDash),
            ("git@-oProxyCommand=touch:a", .leadingDash),
            ("-oProxyCommand@host:a", .leadingDash),
            ("git@host:-a", .leadingDash),
            ("git@host:a/-b", .leadingDash),
            ("ssh://host/-a", .leadingDash),
            ("ssh://host/%2Da", .leadingDash),
            ("https://-host/a", .leadingDash),
            ("https://host/-a/b", .leadingDash),
            ("https://host/a/--upload-pack=x", .leadingDash),

            ("git://github.com/a/b", .unsupportedScheme),
            ("ftp://example.com/a", .unsupportedScheme),
            ("git+ssh://example.com/a", .unsupportedScheme),
            ("javascript://example.com/a", .unsupportedScheme),
            ("://example.com/a", .unsupportedScheme),
            ("owner/name", .unsupportedScheme),
            ("name", .unsupportedScheme),
            ("./name", .unsupportedScheme),
            ("../name", .unsupportedScheme),
            ("~/name", .unsupportedScheme),
            ("C:\\name", .unsupportedScheme),
            ("localhost:8080/name", .unsupportedScheme),
            ("github.com:owner/name", .unsupportedScheme),
            ("mailto:git@host:a", .unsupportedScheme),
            ("a/b@host:c", .unsupportedScheme),

            ("http://example.com/a", .plainHTTP),
            ("http://127.0.0.1.example.com/a", .plainHTTP),
            ("http://localhost.example.com/a", .plainHTTP),
            ("http://127.1/a", .plainHTTP),
            ("http://127.0.0.256/a", .plainHTTP),
            ("http://128.0.0.1/a", .plainHTTP),
            ("http://0x7f000001/a", .plainHTTP),
            ("http://2130706433/a", .plainHTTP),
            ("http://[::2]/a", .plainHTTP),
            ("http://[::ffff:127.0.0.1]/a", .plainHTTP),
            ("http://169.254.169.254/a", .plainHTTP),

            ("https://token@github.com/a/b", .credentials),
            ("https://user:secret@github.com/a/b", .credentials),
            ("https://:secret@github.com/a/b", .credentials),
            ("https://@github.com/a/b", .credentials),
            ("http://user@localhost/a", .credentials),
            ("https://example.com@evil.example/a", .credentials),
            ("ssh://git:secret@host/a", .credentials),
            ("ssh://a@b@host/a", .badUser),
            ("ssh://@host/a", .badUser),
            ("ssh://a%20b@host/a", .badUser),
            ("@host:a", .badUser),
            ("a$b@host:a", .badUser),

            ("https://", .badHost),
            ("https:///a", .badHost),
            ("https://:443/a", .badHost),
            ("ssh:///a", .badHost),
            ("git@:a", .badHost),
            ("https://.example.com/a", .badHost),
            ("https://a..b/a", .badHost),
            ("https://exa%6Dple.com/a", .badHost),
            ("https://exa$mple.com/a", .badHost),
            ("https://host\\@evil.example/a", .credentials),
            ("https://host\\evil.example/a", .badHost),
            ("https://[::1/a", .badHost),
            ("https://[zz::1]/a", .badHost),
            ("https://[1234]/a", .badHost),
            ("https://[]/a", .badHost),
            ("https://a[::1]/a", .badPort),
            ("https://büch.example/a", .notASCII),

            ("https://host:0/a", .badPort),
            ("https://host:65536/a", .badPort),
            ("https://host:/a", .badPort),
            ("https://host:x/a", .badPort),
            ("https://host:+80/a", .badPort),
            ("https://host:-1/a", .badPort),
            ("https://host:999999999999999999999/a", .badPort),
            ("https://host:80:80/a", .badPort),

            ("https://host", .badPath),
            ("https://host/", .badPath),
            ("https://host//", .badPath),
            ("https://host?a", .badPath),
            ("https://host#a", .badPath),
            ("https://host/a?service=x", .badPath),
            ("https://host/a#b", .badPath),
            ("https://host/../a", .badPath),
            ("https://host/a/..", .badPath),
            ("https://host/%2e%2E/a", .badPath),
            ("https://host/./a", .badPath),
            ("https://host/%", .badPath),
            ("https://host/%4", .badPath),
            ("https://host/%zz", .badPath),
            ("https://host/%+1", .badPath),
            ("https://host/%ff", .badPath),
            ("https://host/a\\b", .badPath),
            ("https://host/a%5Cb", .badPath),
            ("git@host", .badPath),
            ("git@host:", .badPath),
            ("git@host:/", .badPath),
            ("git@host/a:b", .badPath),
            ("git@host:../a", .badPath),
            ("git@host:a\\b", .badPath),
            ("git@[::1]", .badPath),
            ("git@[::1:a", .badPath),
            ("git@[zz]:a", .badHost),

            ("https://host/a\n", .controlCharacters),
            ("https://host/a\nhost=evil.example", .controlCharacters),
            ("https://host/a\r\n", .controlCharacters),
            ("https://host/a\0b", .controlCharacters),
            ("https://host/a\u{1B}[31m", .controlCharacters),
            ("https://host/a\u{7F}", .controlCharacters),
            ("https://host/a\u{85}", .controlCharacters),
            ("https://host/a\u{202E}b", .controlCharacters),
            ("https://host/a\u{200B}b", .controlCharacters),
            ("https://host/a\u{2028}b", .controlCharacters),
            ("https://host/a%0ab", .controlCharacters),
            ("https://host/a%00b", .controlCharacters),
            ("git@host:a\tb", .controlCharacters),
            (" https://host/a", .whitespace),
            ("https://host/a ", .whitespace),
            ("https://host/a b", .whitespace),
            ("https://host/a\u{A0}b", .whitespace),
            ("https://host/a\u{3000}b", .whitespace),
            ("git@host:a b", .whitespace),
            ("https://host/größe", .notASCII),
            ("https://host\u{2215}evil/a", .notASCII),
        ] as [(String, GitURLError.Code)])
    func refuses(_ written: String, _ code: GitURLError.Code) {
        for allowLocalPaths in [false, true] {
            let error = #expect(throws: GitURLError.self) {
                try GitURL(written, allowLocalPaths: allowLocalPaths)
            }
            #expect(error?.code == code)
        }
    }

    @Test(
        arguments: [
            ("/a/../b", .badPath),
            ("/a/./b", .badPath),
            ("/a/-b", .leadingDash),
            ("/a/-\u{301}b", .leadingDash),
            ("/a\\b", .badPath),
            ("/a\nb", .controlCharacters),
            ("file://host/a", .badHost),
            ("file://", .badPath),
            ("file:///", .badPath),
            ("file:///a/%2e%2e/b", .badPath),
            ("file:///a%0Ab", .controlCharacters),
            ("file:///a/%2db", .leadingDash),
            ("file:///a?b", .badPath),
        ] as [(String, GitURLError.Code)])
    func refusesLocal(_ written: String, _ code: GitURLError.Code) {
        let error = #expect(throws: GitURLError.self) { try GitURL(written, allowLocalPaths: true) }
        #expect(error?.code == code)
    }

    @Test func errorsNeverRepeatThePassword() {
        let error = #expect(throws: GitURLError.self) { try GitURL("https://me:canary-9f2c@host/a") }
        #expect(error?.message.contains("canary-9f2c") == false)
        #expect(error?.message.contains("GIT_TOKEN") == true)
    }

    @Test func everyErrorIsOneSentence() {
        let hostile = [
            "", "ext::a", "-a", "git://a/b", "http://a/b", "https://a@b/c", "https://a", "git@h", "https:///",
        ]
        for text in hostile {
            let error = #expect(throws: GitURLError.self) { try GitURL(text) }
            #expect(error?.message.hasSuffix(".") == true)
            #expect(error?.message.contains("\n") == false)
        }
    }
}
