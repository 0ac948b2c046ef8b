-- Give leases back that are still ours. ARGV: prefix, kind, n, then partition, token each.
local kind, n = take(), tonumber(take())
for _ = 1, n do
  local p, token = take(), take()
  if holds(kind, p, token) then redis.call('DEL', P .. kind .. ':' .. p) end
end
