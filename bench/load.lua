-- For wrk: sends the requests of a file, which NUL bytes part, one after the other and round again.
local requests, position = {}, 0

function init(arguments)
   local file = assert(io.open(arguments[1], 'rb'))
   for request in file:read('*a'):gmatch('[^%z]+') do
      requests[#requests + 1] = request
   end
   file:close()
end

function request()
   position = position % #requests + 1
   return requests[position]
end

function done(summary)
   local errors = summary.errors
   io.write(string.format('\n{"answered": %d, "seconds": %.6f, "refused": %d, "broken": %d}\n',
      summary.requests, summary.duration / 1e6, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout))
end
