-- Give a worker the next events of integrations, as many as their throttle allows.
-- ARGV: prefix, worker, clock (ms; 0 for the server's own), burst, integrations, then each: partition, token, integration, after (stream id or 0), wanted, rate
-- rate: messages a second, 0 for no limit. Returns for each: {entries, wait ms, started before, starter before}, or false
-- when the lease is lost. `wait` > 0: throttled, ask again after so many milliseconds. `started` and `starter` are what the
-- box held before this claim.
local worker, now, burst, n = take(), tonumber(take()), tonumber(take()), tonumber(take())
if now == 0 then
  local clock = redis.call('TIME')
  now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
end
local result = {}

for g = 1, n do
  local p, token, i, after, wanted, rate = take(), take(), take(), take(), tonumber(take()), tonumber(take())
  if not holds('run', p, token) then
    result[g] = false
  else
    local box = P .. 'box:' .. i
    local state = redis.call('HMGET', box, 'tokens', 'at', 'started', 'starter')
    local room, wait = burst, 0
    if rate > 0 and state[1] then
      room = math.min(burst, tonumber(state[1]) + math.max(0, now - tonumber(state[2])) * rate / 1000)
    end
    local allowed = wanted
    if rate > 0 then allowed = math.min(wanted, math.floor(room)) end
    local entries = {}
    if allowed > 0 then
      entries = redis.call('XRANGE', P .. 'inbox:' .. i, '(' .. after, '+', 'COUNT', allowed)
    end
    if rate > 0 and allowed < wanted and #entries == allowed then
      wait = math.max(1, math.ceil((1 - (room - allowed)) * 1000 / rate))
    end
    if #entries > 0 then
      local last = entries[#entries][1]
      if rate > 0 then
        redis.call('HSET', box, 'tokens', room - #entries, 'at', now, 'started', last, 'starter', worker)
      else
        redis.call('HSET', box, 'started', last, 'starter', worker)
      end
    end
    local list = {}
    for k, entry in ipairs(entries) do list[k] = {entry[1], entry[2][2]} end
    result[g] = {list, wait, state[3] or '', state[4] or ''}
  end
end
return result
