-- Shared by all scripts. ARGV[1] is the key prefix. Written for speed: a script runs for every batch of messages.
local A, call = ARGV, redis.call
local P = A[1]
local at = 1

local function take()
  at = at + 1
  return A[at]
end

-- The hour (ms, as text) of a stream id. Ids of one batch share it, so it is worked out once.
local hour_ms, hour_text = nil, nil

local function hour_of(id)
  local ms = string.sub(id, 1, (string.find(id, '-', 1, true) or 14) - 1)
  if ms ~= hour_ms then
    local n = tonumber(ms)
    hour_ms, hour_text = ms, string.format('%.0f', n - n % 3600000)
  end
  return hour_text
end

local leases = {listen = {}, run = {}}

-- The token under which partition `p` is held, or false.
local function token_of(kind, p)
  local known = leases[kind][p]
  if known == nil then
    known = call('GET', P .. kind .. ':' .. p)
    leases[kind][p] = known
  end
  return known
end

-- Reads the tokens of many partitions (the keys of a table) at once.
local function read_tokens(kind, partitions)
  local names, order, n = {}, {}, 0
  for p in pairs(partitions) do
    n = n + 1
    names[n], order[n] = P .. kind .. ':' .. p, p
  end
  if n < 2 then return end
  local found = call('MGET', unpack(names))
  for k = 1, n do
    leases[kind][order[k]] = found[k]
  end
end

-- Counts are gathered and written once per field.
local counts = {}

local function count(ledger, i, hour, field, number)
  local name = ledger .. i .. ':' .. hour
  local row = counts[name]
  if not row then
    counts[name] = {[field] = number or 1}
  else
    row[field] = (row[field] or 0) + (number or 1)
  end
end

-- Bytes that all inboxes together gained or lost in this call.
local gained = 0

local function write_counts()
  local names, n = {}, 0
  for name, row in pairs(counts) do
    local full = P .. name
    for field, number in pairs(row) do
      call('HINCRBY', full, field, number)
    end
    n = n + 1
    names[n] = name
  end
  for first = 1, n, 500 do
    call('SADD', P .. 'dirty', unpack(names, first, math.min(first + 499, n)))
  end
  if gained ~= 0 then call('INCRBY', P .. 'bytes', gained) end
end

-- Wakes the processes that hold what changed: one message a process, integration ids separated by blanks.
local wakes = {}

local function wake(kind, channel, p, i)
  local token = token_of(kind, p)
  if not token then return false end
  local list = wakes[token]
  if not list then
    wakes[token] = {channel, i}
  else
    list[#list + 1] = i
  end
  return true
end

local function send_wakes()
  local calls = {}
  for token, list in pairs(wakes) do
    local process = P .. list[1] .. ':' .. string.match(token, '^[^/]*')
    local names = table.concat(list, ' ', 2)
    calls[process] = calls[process] and (calls[process] .. ' ' .. names) or names
  end
  for process, names in pairs(calls) do
    call('PUBLISH', process, names)
  end
end

-- What an event counts for beyond its share of an inbox. A share is the bound in bytes divided by the bound in events:
-- as long as no event is larger, the number of events says enough, and nothing has to be written for each.
local function beyond(size, share)
  return size > share and size - share or 0
end

-- How many an entry holds: one, or the messages of a pack in an outbox (field p), whose number is field n.
local function messages_in(entry)
  return entry[2][1] == 'p' and tonumber(entry[2][4]) or 1
end

-- Drops entries of an outbox; returns how many messages they were.
local function drop_sends(i, entries, reason)
  local outbox, gone = P .. 'outbox:' .. i, 0
  for _, entry in ipairs(entries) do
    local n = messages_in(entry)
    call('XDEL', outbox, entry[1])
    if n > 1 then call('DECRBY', P .. 'packed:' .. i, n - 1) end
    count('sent:', i, hour_of(entry[1]), 'dropped:' .. reason, n)
    gone = gone + n
  end
  return gone
end

-- Notes that an entry has left an inbox.
local function note_left(i, size, share)
  gained = gained - size
  if size > share then call('HINCRBY', P .. 'box:' .. i, 'bytes', share - size) end
end

-- Takes one entry out of an inbox; false when it was not there any more. Whoever calls it counts how the event ended.
local function take_out(i, inbox, id, size, share)
  if call('XDEL', inbox, id) == 0 then return false end
  note_left(i, size, share)
  return true
end

-- Whether stream id `a` is that of a later entry than `b`.
local function later(a, b)
  if string.byte(a, 14) == 45 and string.byte(b, 14) == 45 then  -- both of our time: 13 digits and a dash
    local a_ms, b_ms = string.sub(a, 1, 13), string.sub(b, 1, 13)
    if a_ms ~= b_ms then return a_ms > b_ms end
  end
  local a_ms, a_number = string.match(a, '^(%d+)-(%d+)')
  local b_ms, b_number = string.match(b, '^(%d+)-(%d+)')
  a_ms, b_ms = tonumber(a_ms), tonumber(b_ms)
  return a_ms > b_ms or (a_ms == b_ms and tonumber(a_number) > tonumber(b_number))
end
