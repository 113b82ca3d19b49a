-- For wrk: every request is a POST of as many bytes as the argument says.
function init(args)
   wrk.method = "POST"
   wrk.body = string.rep("x", tonumber(args[1]))
end
