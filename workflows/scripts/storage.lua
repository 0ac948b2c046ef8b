-- What the runs of a workflow keep between them. ARGV: prefix, workflow, most keys, operation, then what it needs.
--   get key | all | set key json | remove key | add key amount
--   swap place json          give back what was there and put this in its place
--   latch place latches resets
--   pass place interval_ms   whether so much time has gone by since it last passed
-- storage:W holds what workflows see, JSON by key; state:W what nodes keep for themselves, by node.
-- Returns a value by the operation, or {err = text for people}.
local A, call = ARGV, redis.call
local operation = A[4]
local storage, state = A[1] .. 'storage:' .. A[2], A[1] .. 'state:' .. A[2]

local function put(name, field, value)
  if call('HEXISTS', name, field) == 0 and call('HLEN', name) >= tonumber(A[3]) then
    return redis.error_reply('FULL')
  end
  call('HSET', name, field, value)
  return value
end

local function number_text(n)
  if n == math.floor(n) and math.abs(n) < 2 ^ 53 then return string.format('%.0f', n) end
  return string.format('%.17g', n)
end

if operation == 'get' then
  return call('HGET', storage, A[5])
elseif operation == 'all' then
  return call('HGETALL', storage)
elseif operation == 'set' then
  return put(storage, A[5], A[6])
elseif operation == 'remove' then
  return call('HDEL', storage, A[5])
elseif operation == 'add' then
  local before = call('HGET', storage, A[5])
  local n = before and tonumber(before) or (not before or before == 'null') and 0
  if not n then return redis.error_reply('NOT_A_NUMBER') end
  local sum = n + tonumber(A[6])
  if sum ~= sum or sum == math.huge or sum == -math.huge then return redis.error_reply('NOT_FINITE') end
  return put(storage, A[5], number_text(sum))
elseif operation == 'swap' then
  local before = call('HGET', state, A[5])
  local done = put(state, A[5], A[6])
  if type(done) == 'table' then return done end
  return before
elseif operation == 'latch' then
  local was = call('HEXISTS', state, A[5])
  if was == 1 then
    if A[7] == '1' then call('HDEL', state, A[5]) end
    return {1, A[7] == '1' and 0 or 1}
  end
  if A[6] == '1' then
    local done = put(state, A[5], '1')
    if type(done) == 'table' then return done end
    return {0, 1}
  end
  return {0, 0}
elseif operation == 'pass' then
  local clock = call('TIME')
  local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
  local last = tonumber(call('HGET', state, A[5]) or nil)
  if last and now - last < tonumber(A[6]) then return {0, now - last} end
  local done = put(state, A[5], string.format('%.0f', now))
  if type(done) == 'table' then return done end
  return {1, last and now - last or -1}
end
return redis.error_reply('there is no operation ' .. tostring(operation))
