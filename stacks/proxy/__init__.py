"""Lead connections between components through proxies that can delay, hold, cut or slow them on purpose."""
