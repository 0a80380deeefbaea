extension ProgramReader {
    /// Reads `{"texts": [{"text", "truncated"}], "kind": "reply" | "completion" | "continuation"}` from standard input and
    /// prints, for each text, `{"program", "problem", "prints"}`. It runs isolated (`python3 -I -S`): only the standard
    /// library, and nothing of what it reads is executed.
    static let script = #"""
        import ast, json, re, sys

        def parse(text):
            try:
                return ast.parse(text), None, 0
            except SyntaxError as error:
                name = type(error).__name__
                return None, "%s: %s (line %s)" % (name, error.msg, error.lineno), error.lineno or 0
            except (ValueError, RecursionError, MemoryError) as error:
                return None, "%s: %s" % (type(error).__name__, error), 0

        def longest(lines):
            "The longest run of first lines that is a program, and what is wrong with the line after it."
            count, first, place = len(lines), None, 0
            while count > 0:
                tree, problem, line = parse("\n".join(lines[:count]))
                if tree is not None:
                    return tree, first, place
                if first is None:
                    first, place = problem, line
                # Whatever is wrong in a line is wrong in every run that has the line.
                count = min(count - 1, line - 1) if line > 0 else count - 1
            return ast.parse(""), first, place

        def is_word(node):
            "Whether a statement is a word or a literal, as a line of prose may be."
            if not isinstance(node, ast.Expr):
                return False
            return all(isinstance(part, (ast.Name, ast.Tuple, ast.Constant, ast.expr_context, ast.Expr, ast.UnaryOp,
                                         ast.unaryop, ast.AnnAssign, ast.Compare, ast.cmpop)) for part in ast.walk(node))

        def ending(lines, tree):
            "The lines up to the last statement that does something."
            body = list(tree.body)
            while body and is_word(body[-1]):
                body.pop()
            return lines[:body[-1].end_lineno] if body else []

        def without_circle(lines):
            "Lines at whose end the same ones come a third time are cut after the first."
            for end in (len(lines), len(lines) - 1):
                for period in range(1, end // 3 + 1):
                    same = 0
                    while end - 1 - same - period >= 0 and lines[end - 1 - same] == lines[end - 1 - same - period]:
                        same += 1
                    if same < 2 * period or not any(line.strip() for line in lines[end - period:end]):
                        continue
                    if end < len(lines) and not lines[end - period].startswith(lines[end]):
                        continue
                    return lines[:end - same]
            return lines

        def blocks(text):
            "The fenced blocks of a reply (CommonMark 0.31, 4.5), each with its language; the last may not be closed."
            found, fence = [], None
            for line in text.split("\n"):
                mark = re.match(r" *(`{3,}|~{3,})(.*)$", line)
                if fence is None and mark and not (mark.group(1)[0] == "`" and "`" in mark.group(2)):
                    fence, words = mark.group(1), mark.group(2).split()
                    found.append([words[0].lower().strip("{}.") if words else "", []])
                elif fence is not None and mark and mark.group(1).startswith(fence) and not mark.group(2).strip():
                    fence = None
                elif fence is not None:
                    found[-1][1].append(line)
            return found, fence is not None

        STATEMENT = re.compile(
            r"(import|from|def|class|async|for|while|if|try|with|print|assert|raise|global|del|lambda|pass)\b|@|#"
            r"|[A-Za-z_][\w.\[\]'\", ]*\s*([-+*/%&|^]|//|\*\*|<<|>>)?=[^=]|[A-Za-z_][\w.]*\(")

        def read_reply(text, truncated):
            found, is_open = blocks(text)
            python = [body for language, body in found if language in ("", "python", "python3", "py", "py3")]
            if python:
                best = None
                for body in python:
                    program = "\n".join(body).strip("\n")
                    tree, problem, _ = parse(program)
                    size = sum(1 for _ in ast.walk(tree)) if tree is not None else 0
                    if best is None or (tree is not None, size) > best[0]:
                        best = ((tree is not None, size), program, tree, problem)
                _, program, tree, problem = best
                if tree is not None and not tree.body:
                    problem = "the code block is empty"
                if problem and is_open and truncated:
                    problem = "the answer was cut off in the middle of the program"
                return program, problem
            lines = text.split("\n")
            for start, line in enumerate(lines):
                if not STATEMENT.match(line):
                    continue
                tree, problem, _ = longest(lines[start:])
                kept = ending(lines[start:], tree)
                if kept:
                    return "\n".join(kept), None
            return text.strip("\n"), "the answer holds no Python program"

        def read_completion(text, truncated, is_whole):
            lines = without_circle(text.split("\n"))
            tree, problem, place = longest(lines)
            kept = ending(lines, tree)
            rest = [line for line in lines[len(kept):] if line.strip()]
            # What is cut off from the inside of a definition leaves another definition than was meant.
            if is_whole and problem and kept and rest and rest[0][0] in " \t":
                if not (truncated and place >= len(lines) - 1) or len(tree.body) < 2:
                    return text.strip("\n"), problem
                kept = lines[:tree.body[-2].end_lineno]
            if not kept:
                return text.strip("\n"), problem or "there is no program"
            return "\n".join(kept), None

        def called(node):
            "The names of the functions that are called in a tree."
            calls = [part.func for part in ast.walk(node) if isinstance(part, ast.Call)]
            return {call.id if isinstance(call, ast.Name) else call.attr for call in calls
                    if isinstance(call, (ast.Name, ast.Attribute))}

        def with_call(program, tree):
            "A program that defines main calls it, and prints what it returns."
            mains = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main"]
            others = [node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.ClassDef))]
            if not mains or any("main" in called(node) for node in others):
                return program
            arguments = mains[-1].args
            if len(arguments.args) + len(arguments.posonlyargs) > len(arguments.defaults):
                return program
            returns = any(isinstance(part, ast.Return) and part.value is not None for part in ast.walk(mains[-1]))
            call = "print(main())" if returns and "print" not in called(mains[-1]) else "main()"
            return program + '\n\n\nif __name__ == "__main__":\n    ' + call

        sys.setrecursionlimit(2000)
        question = json.load(sys.stdin)
        answer = []
        for item in question["texts"]:
            text = item["text"].replace("\r\n", "\n").replace("\0", "")
            if question["kind"] == "reply":
                program, problem = read_reply(text, item["truncated"])
            else:
                program, problem = read_completion(text, item["truncated"], question["kind"] == "completion")
            prints = False
            if problem is None:
                tree = ast.parse(program)
                if question["kind"] == "completion":
                    program = with_call(program, tree)
                prints = bool(called(tree) & {"print", "write", "writelines", "pprint"}) or program.endswith("print(main())")
            answer.append({"program": program, "problem": problem, "prints": prints})
        print(json.dumps(answer))
        """#
}
