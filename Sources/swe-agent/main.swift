print("swe-agent")
