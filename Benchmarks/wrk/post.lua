-- Submits tasks.
require("report")
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"goal":"Fix the failing unit test in calc.py: add(2, 3) returns -1 instead of 5. Keep the public '
  .. 'interface.","repo_url":"https://example.com/calc.git"}'
