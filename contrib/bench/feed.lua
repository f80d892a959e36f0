-- wrk -t1 -s feed.lua URL -- FILE LENGTH [FIRST]
-- Sends the records of FILE one after the other, beginning with number FIRST. A record that goes out twice is counted:
-- the server would see a repeat.

local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   length = tonumber(args[2])
   first = tonumber(args[3] or 0)
   repeats = 0
   file = assert(io.open(args[1], "rb"))
   file:setvbuf("full", 1048576)
   file:seek("set", first * length)
end

function request()
   local record = file:read(length)
   if record == nil then
      file:seek("set", 0)
      record = file:read(length)
      repeats = repeats + 1
   elseif repeats > 0 then
      repeats = repeats + 1
   end
   return record
end

function done(summary, latency)
   local repeated = 0
   for _, thread in ipairs(threads) do repeated = repeated + thread:get("repeats") end
   local e = summary.errors
   io.write(string.format('RESULT {"answers":%d,"us":%d,"refused":%d,"broken":%d,"timeouts":%d,"repeats":%d,' ..
      '"p50":%.3f,"p99":%.3f}\n', summary.requests, summary.duration, e.status, e.connect + e.read + e.write,
      e.timeout, repeated, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
