-- Takes what a worker noted of its runs since it last asked. ARGV: prefix, process, number of the batch, now in ms, and then any of
--   C <workflow:hour> n  field amount ...        add to the counts of an hour
--   E <workflow:hour> digest count first_ms json an error of an hour: how often, since when, what it was the last time
--   L key cap life_seconds n  json ...           the newest entries of a list that keeps so many
--   D key cap life_seconds n  json ...           likewise of a stream
-- A batch that is asked again does nothing. Returns the workflows that are watched, each with until when.
local A, call = ARGV, redis.call
local prefix, done = A[1], A[1] .. 'insight:' .. A[2]
local LIFE = 259200

local function changed(name)
  call('SADD', prefix .. 'tallied', name)
  call('EXPIRE', prefix .. 'tally:' .. name, LIFE)
end

local take = {}

take.C = function(at)
  local name, count = A[at], tonumber(A[at + 1])
  for field = at + 2, at + 2 * count, 2 do
    call('HINCRBY', prefix .. 'tally:' .. name, A[field], A[field + 1])
  end
  changed(name)
  return at + 2 + 2 * count
end

take.E = function(at)
  local name = prefix .. 'tally:' .. A[at]
  call('HINCRBY', name, 'E:' .. A[at + 1], A[at + 2])
  call('HSETNX', name, 'F:' .. A[at + 1], A[at + 3])
  call('HSET', name, 'T:' .. A[at + 1], A[at + 4])
  changed(A[at])
  return at + 5
end

take.L = function(at)
  local name, count = prefix .. A[at], tonumber(A[at + 3])
  for entry = at + 4, at + 3 + count do
    call('LPUSH', name, A[entry])
  end
  call('LTRIM', name, 0, tonumber(A[at + 1]) - 1)
  call('EXPIRE', name, A[at + 2])
  return at + 4 + count
end

take.D = function(at)
  local name, count = prefix .. A[at], tonumber(A[at + 3])
  for entry = at + 4, at + 3 + count do
    call('XADD', name, 'MAXLEN', A[at + 1], '*', 'h', A[entry])
  end
  call('EXPIRE', name, A[at + 2])
  return at + 4 + count
end

if call('GET', done) ~= A[3] then
  local at = 5
  while at <= #A do
    at = take[A[at]](at + 1)
  end
  call('SET', done, A[3], 'EX', 3600)
end
return call('ZRANGEBYSCORE', prefix .. 'watched', A[4], '+inf', 'WITHSCORES')
