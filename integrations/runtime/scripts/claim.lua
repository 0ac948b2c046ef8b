-- Give a worker the next events of integrations, as many as their throttle allows.
-- ARGV: prefix, worker, clock (ms; 0 for the server's own), burst, integrations, then each: partition, token, integration,
-- after (stream id or 0), wanted, rate
-- rate: messages a second, 0 for no limit. Returns for each: {wait ms, started before, id, event, id, event...}, or false
-- when the lease is lost. `wait` > 0: throttled, ask again after so many milliseconds. `started` is what was noted before
-- this claim: the last id claimed, a slash, and the worker that claimed it.
local worker, now, burst, n = take(), tonumber(take()), tonumber(take()), tonumber(take())
if now == 0 then
  local clock = call('TIME')
  now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
end
local result = {}

local partitions, names = {}, {}
for g = 1, n do
  partitions[A[at + 6 * g - 5]] = true
  names[g] = A[at + 6 * g - 3]
end
read_tokens('run', partitions)
local notes = call('HMGET', P .. 'claims', unpack(names))
local changed, c = {}, 0

for g = 1, n do
  local p, token, i, after = A[at + 1], A[at + 2], A[at + 3], A[at + 4]
  local wanted, rate = tonumber(A[at + 5]), tonumber(A[at + 6])
  at = at + 6
  if token_of('run', p) ~= token then
    result[g] = false
  else
    local bucket, before = '', ''
    if notes[g] then bucket, before = string.match(notes[g], '^(%S* ?%S*);(.*)$') end
    local tokens, allowed, wait = burst, wanted, 0
    if rate > 0 then
      if bucket ~= '' then
        local left, since = string.match(bucket, '^(%S+) (%S+)$')
        tokens = math.min(burst, tonumber(left) + math.max(0, now - tonumber(since)) * rate / 1000)
      end
      allowed = math.min(wanted, math.floor(tokens))
    end
    local answer, got = {0, before}, 0
    if allowed > 0 then
      local entries = call('XRANGE', P .. 'inbox:' .. i, '(' .. after, '+', 'COUNT', allowed)
      got = #entries
      for k = 1, got do
        local entry = entries[k]
        answer[2 * k + 1], answer[2 * k + 2] = entry[1], entry[2][2]
      end
    end
    if rate > 0 and allowed < wanted and got == allowed then
      answer[1] = math.max(1, math.ceil((1 - (tokens - allowed)) * 1000 / rate))
    end
    if got > 0 then
      local last = answer[2 * got + 1]
      if before ~= '' and later(before, last) then  -- what a holder that died had started stays known
        last = string.match(before, '^[^/]+')
      end
      if rate > 0 then bucket = string.format('%.6f %.0f', tokens - got, now) end
      changed[c + 1], changed[c + 2] = i, bucket .. ';' .. last .. '/' .. worker
      c = c + 2
    end
    result[g] = answer
  end
end
if c > 0 then call('HSET', P .. 'claims', unpack(changed)) end
return result
