// What an Engine handle points to.
#pragma once

#include <tendon/engine.h>

#include "engine/engine.h"

namespace tendon {

struct Engine::Impl {
  std::shared_ptr<const CompiledEngine> compiled;
};

inline Engine engine_from_compiled(std::shared_ptr<const CompiledEngine> compiled) {
  return Engine(std::make_shared<const Engine::Impl>(Engine::Impl{std::move(compiled)}));
}

}  // namespace tendon
