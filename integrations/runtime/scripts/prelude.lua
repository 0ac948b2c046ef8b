-- Shared by all scripts. ARGV[1] is the key prefix.
local P = ARGV[1]
local at = 1

local function take()
  at = at + 1
  return ARGV[at]
end

local function hour_of(id)
  local ms = tonumber(string.match(id, '^%d+'))
  return ms - ms % 3600000
end

local tokens = {}

-- Whether `token` is the current holder of lease `kind` of partition `p`.
local function holds(kind, p, token)
  local name = kind .. p
  if tokens[name] == nil then
    tokens[name] = redis.call('GET', P .. kind .. ':' .. p)
  end
  return tokens[name] == token
end

-- Counts are gathered and written once per hash.
local counts = {}

local function count(ledger, i, hour, field, n)
  local name = ledger .. ':' .. i .. ':' .. string.format('%.0f', hour)
  local row = counts[name]
  if not row then
    row = {}
    counts[name] = row
  end
  row[field] = (row[field] or 0) + n
end

-- Bytes that all inboxes together gained or lost in this call.
local gained = 0

local function write_counts()
  local names = {}
  for name, row in pairs(counts) do
    for field, n in pairs(row) do
      redis.call('HINCRBY', P .. name, field, n)
    end
    names[#names + 1] = name
  end
  for first = 1, #names, 500 do
    redis.call('SADD', P .. 'dirty', unpack(names, first, math.min(first + 499, #names)))
  end
  if gained ~= 0 then redis.call('INCRBY', P .. 'bytes', gained) end
end

-- Wakes the processes that hold what changed: one message a process, integration ids separated by blanks.
local wakes = {}

local function wake(kind, channel, p, i)
  local name = kind .. p
  if tokens[name] == nil then
    tokens[name] = redis.call('GET', P .. kind .. ':' .. p)
  end
  local token = tokens[name]
  if not token then return false end
  local process = P .. channel .. ':' .. string.match(token, '^[^/]*')
  local list = wakes[process]
  if not list then
    list = {}
    wakes[process] = list
  end
  list[#list + 1] = i
  return true
end

local function send_wakes()
  for process, list in pairs(wakes) do
    redis.call('PUBLISH', process, table.concat(list, ' '))
  end
end

-- Takes one entry out of an inbox and counts how it ended; false when it was not there any more.
local function finish(i, p, id, size, outcome)
  if redis.call('XDEL', P .. 'inbox:' .. i, id) == 0 then return false end
  redis.call('HINCRBY', P .. 'box:' .. i, 'bytes', -size)
  gained = gained - size
  count('ledger', i, hour_of(id), outcome, 1)
  return true
end

local function forget_if_empty(i, p)
  if redis.call('XLEN', P .. 'inbox:' .. i) == 0 then
    redis.call('SREM', P .. 'ready:' .. p, i)
  end
end
