/// What is said to the bash of a sandbox through a pipe, and in what form it answers.
///
/// Nothing goes through arguments, so that no command text is seen in a process list. Each line of ours reads the bytes
/// that follow it and evaluates them at the top level of the shell: in a function `declare` would be local, and in a
/// loop `break` would be ours.
///
/// Descriptors of the shell: 1 the output of commands, 2 answers about files, 3 the records of ``CommandRecords``,
/// 4 what we say. Commands get 0, 1 and 2 redirected and the others closed; bash keeps the originals where no program
/// that it starts inherits them, and puts them back whatever a command did to its own.
enum ShellScript {
    static let recordSeparator: UInt8 = 0x1e
    static let unitSeparator: UInt8 = 0x1f

    /// Defines what the other lines use, runs lines, changes to the first directory there is, and marks the output with
    /// `ready`.
    static func prelude(_ lines: [String], directories: [String], word: String) -> String {
        prelude + lines.map { $0 + "\n" }.joined()
            + directories.map { "builtin cd -- \($0.shellQuoted) 2>/dev/null" }.joined(separator: " || ") + "\n"
            + "__swe_word=\(word); __swe_mark ready 0\n"
    }

    /// Runs a script; at its end the output is marked with `end`, the exit code and the working directory, or with
    /// `exit` instead of `end` where the shell ends with the script.
    static func command(_ script: String, directory: String?, id: String?, word: String) -> String {
        let get = "__swe_get \(script.utf8.count + 1) \(word) \(id ?? "''")"
        let run =
            if let directory {
                "\(get) || :;CDPATH= builtin cd -- \(directory.shellQuoted) 2>&1 && eval \"$__swe_run\""
            } else {
                // The condition lets the command look at `$?` without a trap or `set -e` seeing a failure of ours.
                "if \(get);then eval \"$__swe_run\";else eval \"$__swe_run\";fi"
            }
        // The empty line before makes bash forget a syntax error in the last script; a script that ends with a
        // backslash needs the one after it.
        return "\n\(run);__swe_end $?\n\(script)\n"
    }

    /// Writes a mark, at most `count` bytes of a file, and a mark with a ``FileAnswer`` to descriptor 2.
    static func readFile(_ path: String, count: Int, word: String) -> String {
        "\n__swe_read \(word) \(path.shellQuoted) \(count)\n"
    }

    /// Writes a file with the folders it needs; answers on descriptor 2 as ``readFile(_:count:word:)`` does.
    ///
    /// bash cannot hold zero bytes, so contents with zero bytes are sent with the escapes of `printf %b`.
    static func writeFile(_ path: String, directory: String, _ contents: [UInt8], word: String) -> [UInt8] {
        let escaped = contents.contains(0)
        let payload =
            escaped
            ? contents.flatMap { $0 == 0 ? Array("\\0000".utf8) : $0 == UInt8(ascii: "\\") ? [$0, $0] : [$0] }
            : contents
        let line =
            "\n__swe_get \(payload.count) \(word) '' || :;"
            + "__swe_write \(word) \(path.shellQuoted) \(directory.shellQuoted) \(escaped ? "%b" : "%s")\n"
        return Array(line.utf8) + payload
    }

    /// Functions of ours set shell options for themselves only (`local -`), so that those of the commands stay.
    private static let prelude = #"""
        __swe_code=0
        __swe_get() {
            __swe_word=$2 __swe_id=$3
            LC_ALL=C IFS= builtin read -r -u 4 -N "$1" __swe || :
            return "$__swe_code"
        }
        __swe_run='eval "$__swe" 0</dev/null 3>&- 4<&- 2>&1 1>&2'
        __swe_mark() {
            builtin printf '\x1e%s%s %s %s\0' "$__swe_word" "$1" "$2" "$PWD"
        }
        __swe_end() {
            local -; set +eux
            __swe_code=$1
            builtin printf '\x1e%s\x1f%s\x1f%s\0' "$__swe_id" "$1" "$PWD" >&3
            __swe_mark end "$1"
        }
        __swe_answer() {
            builtin printf '\x1e%s%s\0' "$1" "$2" >&2
        }
        # Whether dd takes a number of bytes. head does everywhere, and no more than 8 KiB at a time.
        __swe_can_count() {
            if [[ -z ${__swe_counts-} ]]; then
                __swe_counts=no
                command -p dd iflag=fullblock,count_bytes status=none count=0 </dev/null >/dev/null 2>&1 3>&- 4<&- &&
                    __swe_counts=yes
            fi
            [[ $__swe_counts = yes ]]
        }
        __swe_read() {
            local -; set +eux
            local code=ok
            __swe_answer "$1" begin
            if [[ -d $2 ]]; then code=directory
            elif [[ ! -e $2 ]]; then code=missing
            elif [[ ! -f $2 ]]; then code=special
            elif __swe_can_count; then
                command -p dd bs=64k iflag=fullblock,count_bytes status=none count="$3" <"$2" >&2 3>&- 4<&- || code=failed
            else command -p head -c "$3" <"$2" >&2 3>&- 4<&- || code=failed
            fi
            __swe_answer "$1" "$code"
        }
        __swe_write() {
            local -; set +eux
            local code=ok
            __swe_answer "$1" begin
            if [[ -d $2 ]]; then code=directory
            elif [[ -e $2 && ! -f $2 ]]; then code=special
            elif [[ ! -d $3 ]] && ! command -p mkdir -p -- "$3" 3>&- 4<&-; then code=failed
            else LC_ALL=C builtin printf "$4" "$__swe" >|"$2" || code=failed
            fi
            __swe=
            __swe_answer "$1" "$code"
        }
        trap '__swe_mark exit $?' EXIT

        """#
}

/// How the shell answers about a file.
enum FileAnswer: String, Sendable {
    case begin
    case ok
    case missing
    case directory
    /// Neither a file nor a directory.
    case special
    /// The reason stands before the mark.
    case failed
}
