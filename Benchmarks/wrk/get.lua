-- Looks at tasks whose ids stand in the file TASKS, one a line.
require("report")
local requests, number = {}, 0
function init()
  for id in io.lines(os.getenv("TASKS")) do
    requests[#requests + 1] = wrk.format("GET", "/agent/tasks/" .. id)
  end
  number = math.random(#requests)
end
function request()
  number = number % #requests + 1
  return requests[number]
end
