"""What people chose in chats, as data: replies that were kept, and pairs of a kept and a left one."""
