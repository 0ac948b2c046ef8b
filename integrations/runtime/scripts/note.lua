-- Write what a listener knows of its connections, as long as it holds them.
-- ARGV: prefix, listener ('' asks nobody), most transitions, rows,
-- then each: partition, integration, status, number of transitions, transition...
-- Returns for each 1, or 0 when the partition is not this listener's: then nothing was written of it.
local listener, most, n = take(), tonumber(take()), tonumber(take())
local result, said = {}, false
for g = 1, n do
  local p, i, status, transitions = take(), take(), take(), tonumber(take())
  local token = listener ~= '' and token_of('listen', p)
  if listener == '' or (token and string.match(token, '^[^/]*') == listener) then
    call('SET', P .. 'status:' .. i, status)
    for k = 1, transitions do call('RPUSH', P .. 'history', A[at + k]) end
    said = said or transitions > 0
    result[g] = 1
  else
    result[g] = 0
  end
  at = at + transitions
end
if said then call('LTRIM', P .. 'history', -most, -1) end
return result
