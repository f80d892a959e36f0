-- wrk -t1 -s feed.lua URL -- FILE LENGTH FIRST COUNT
-- Sends COUNT records of FILE one after the other, beginning with number FIRST, and then again. What goes out twice is counted: the
-- server sees a repeat. Times are of all answers, whatever their status.

local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   length, first, count = tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
   taken = 0
   file = assert(io.open(args[1], "rb"))
   file:setvbuf("full", 1048576)
end

function request()
   if taken % count == 0 then file:seek("set", first * length) end
   taken = taken + 1
   return file:read(length)
end

function done(summary, latency)
   local repeats = 0
   for _, thread in ipairs(threads) do repeats = repeats + math.max(0, thread:get("taken") - thread:get("count")) end
   local e = summary.errors
   io.write(string.format('RESULT {"answers":%d,"us":%d,"refused":%d,"broken":%d,"timeouts":%d,"repeats":%d,' ..
      '"p50":%.3f,"p99":%.3f}\n', summary.requests, summary.duration, e.status, e.connect + e.read + e.write,
      e.timeout, repeats, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
